"""The command `vla-compose`: one file a command, and `app` that names them."""
