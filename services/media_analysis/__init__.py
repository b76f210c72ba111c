"""The command line: one small file per subcommand; the one package that may import the services."""
