"""The optional part in C; all else stands in pyproject.toml, where setuptools takes extensions only on trial.

Where it cannot be built, collector/snmp/wire.py does the same in Python.
"""

from setuptools import Extension, setup

setup(ext_modules=[Extension("collector.snmp._wire", ["collector/snmp/_wire.c"], optional=True)])
