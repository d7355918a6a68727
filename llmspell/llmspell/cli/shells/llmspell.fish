# Completion of llmspell for fish 3.1 and later. llmspell says what may come next, one a line: the whole word, a tab, help.
function __llmspell_complete
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -e words[1]
    _LLMSPELL_COMPLETE=fish_complete $program $words (commandline -ct | string collect --allow-empty) 2>/dev/null
end
complete -c llmspell -f -k -a '(__llmspell_complete)'
