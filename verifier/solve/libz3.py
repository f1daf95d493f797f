"""The functions of Z3's library that are used here, declared by hand.

z3py and its module ``z3.z3core`` declare a thousand functions and import ``importlib.resources``, which takes
longer than a small test. The functions here behave as those of ``z3.z3core`` with the same names.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any


class Z3Exception(Exception):
    """Z3 reports an error; the argument is what it says, in bytes."""


class Handle(ctypes.c_void_p):
    """Z3's expressions, declarations, models, solvers, …"""


_REFS = ctypes.POINTER(Handle)
_UNSIGNED, _INT, _TEXT = ctypes.c_uint, ctypes.c_int, ctypes.c_char_p
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint)

# Results and parameters; where the first parameter is a context, it comes before those here.
_CALLS: dict[str, tuple[Any, list[Any]]] = {
    "ast_vector_get": (Handle, [Handle, _UNSIGNED]),
    "ast_vector_inc_ref": (None, [Handle]),
    "ast_vector_size": (_UNSIGNED, [Handle]),
    "get_app_decl": (Handle, [Handle]),
    "get_ast_id": (_UNSIGNED, [Handle]),
    "inc_ref": (None, [Handle]),
    "mk_bool_sort": (Handle, []),
    "mk_const": (Handle, [Handle, Handle]),
    "mk_int_symbol": (Handle, [_INT]),
    "mk_not": (Handle, [Handle]),
    "mk_or": (Handle, [_UNSIGNED, _REFS]),
    "mk_params": (Handle, []),
    "mk_solver_for_logic": (Handle, [Handle]),
    "mk_string_symbol": (Handle, [_TEXT]),
    "mk_true": (Handle, []),
    "model_get_const_interp": (Handle, [Handle, Handle]),
    "model_inc_ref": (None, [Handle]),
    "params_inc_ref": (None, [Handle]),
    "params_set_uint": (None, [Handle, Handle, _UNSIGNED]),
    "set_error_handler": (None, [_HANDLER]),
    "solver_assert": (None, [Handle, Handle]),
    "solver_check": (_INT, [Handle]),
    "solver_check_assumptions": (_INT, [Handle, _UNSIGNED, _REFS]),
    "solver_from_string": (None, [Handle, _TEXT]),
    "solver_get_model": (Handle, [Handle]),
    "solver_get_reason_unknown": (_TEXT, [Handle]),
    "solver_get_unsat_core": (Handle, [Handle]),
    "solver_inc_ref": (None, [Handle]),
    "solver_interrupt": (None, [Handle]),
    "solver_pop": (None, [Handle, _UNSIGNED]),
    "solver_push": (None, [Handle]),
    "solver_set_params": (None, [Handle, Handle]),
    "sort_to_ast": (Handle, [Handle]),
}
# Those that leave no error code behind.
_SAFE: dict[str, tuple[Any, list[Any]]] = {
    "ast_vector_dec_ref": (None, [Handle, Handle]),
    "dec_ref": (None, [Handle, Handle]),
    "del_config": (None, [Handle]),
    "del_context": (None, [Handle]),
    "get_error_code": (_UNSIGNED, [Handle]),
    "get_error_msg": (_TEXT, [Handle, _UNSIGNED]),
    "mk_config": (Handle, []),
    "mk_context_rc": (Handle, [Handle]),
    "model_dec_ref": (None, [Handle, Handle]),
    "params_dec_ref": (None, [Handle, Handle]),
    "solver_dec_ref": (None, [Handle, Handle]),
}


def _file() -> str:
    """The library's file in the package; '' if it is elsewhere, as in the packages of some distributions."""
    found = importlib.util.find_spec("z3")
    if found is None:
        raise ImportError("z3-solver is not installed")
    end = "dll" if sys.platform in ("win32", "cygwin") else "dylib" if sys.platform == "darwin" else "so"
    for place in found.submodule_search_locations or ():
        folder = os.path.join(place, "lib")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        for name in sorted(
            (n for n in names if n.startswith("libz3.") and end in n.split(".")), reverse=True
        ):
            return os.path.join(folder, name)
    return ""


def _library() -> ctypes.CDLL:
    place = _file()
    if place:
        return ctypes.CDLL(place)
    library: ctypes.CDLL = importlib.import_module("z3.z3core")._lib  # which looks in more places
    return ctypes.CDLL(library._name)


_lib = _library()


def _declared(name: str, result: Any, parameters: list[Any]) -> Callable[..., Any]:
    function: Any = getattr(_lib, f"Z3_{name}")
    function.restype, function.argtypes = result, parameters
    return function  # type: ignore[no-any-return]


direct: dict[str, Callable[..., Any]] = {
    **{name: _declared(name, result, [Handle, *rest]) for name, (result, rest) in _CALLS.items()},
    **{name: _declared(name, *declared) for name, declared in _SAFE.items()},
}
"""The functions of the library, by their names without ``Z3_``: texts are bytes, and errors go unseen."""


def _encoded(x: object) -> object:
    return x.encode() if isinstance(x, str) else x


def _checked(name: str) -> Callable[..., Any]:
    function, code, said = direct[name], direct["get_error_code"], direct["get_error_msg"]
    texts = _TEXT in _CALLS[name][1]

    def call(context: Handle, *given: object) -> Any:
        result = function(context, *(map(_encoded, given) if texts else given))
        error = code(context)
        if error:
            raise Z3Exception(said(context, error))
        return result.decode() if isinstance(result, bytes) else result

    return call


globals().update({f"Z3_{name}": _checked(name) for name in _CALLS})
globals().update({f"Z3_{name}": direct[name] for name in _SAFE})


def handler(function: Callable[..., Any]) -> Any:
    """A function of the library as a handler of errors."""
    return ctypes.cast(function, _HANDLER)  # type: ignore[arg-type]
