"""Run the production flows of several actors in every order, with a crash anywhere, and check what must always hold."""
