"""`python -m jingting` is `jingting`."""

from jingting.cli import main

main(prog_name="jingting")
