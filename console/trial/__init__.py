"""What a change of policy would have done: drafts, and their replay over history in a scratch directory."""
