"""Modules: discover, check, order, call. What a module is stands in MODULES of the design; the contract in `hookspecs`."""
