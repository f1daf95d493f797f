" Litmus tests
autocmd BufRead,BufNewFile *.litmus setfiletype litmus
autocmd BufRead,BufNewFile */litmus/*.inc set filetype=litmus
