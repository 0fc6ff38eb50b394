"""The options of each command, under the command's name.

Each module has an `add_parser`, which sets `command`: the module of `audiosr_pipeline.cli` whose `run` takes the parsed
arguments and returns the exit code. It is imported when it is to run; these modules, which every --help and --version
needs, import nothing that takes long.
"""
