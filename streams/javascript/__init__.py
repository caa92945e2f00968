"""JavaScript codecs of device vendors, each in a context of its own, in processes that can reach nothing.

``sandbox`` runs them, ``codec`` makes one a codec of the core, ``examine`` tries one out before it is registered. Which
servers' conventions are kept is said in ``worker/prelude.js``.
"""
