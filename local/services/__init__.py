"""The services around Strongroom, on one machine: sign-in, an OAuth provider, an MCP server.

They are stand-ins for other people's systems. They know nothing of Strongroom's code, keep everything in memory, and
listen on loopback only.
"""
