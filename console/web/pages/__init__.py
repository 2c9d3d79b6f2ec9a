"""One module per page, each with its ``router``; ``console.web.app`` lists them."""
