" Litmus tests
if exists("b:did_ftplugin")
  finish
endif
let b:did_ftplugin = 1
setlocal commentstring=//\ %s comments=s1:/*,mb:*,ex:*/,:// iskeyword+=_ suffixesadd=.inc
setlocal include=^\s*#\s*include expandtab shiftwidth=4 softtabstop=4
let b:undo_ftplugin = "setlocal commentstring< comments< iskeyword< suffixesadd< include< expandtab< shiftwidth< softtabstop<"
