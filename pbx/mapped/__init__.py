"""PBXes whose records are described by a table of the policy: 3CX, Yeastar and others."""
