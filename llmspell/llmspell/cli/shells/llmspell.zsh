#compdef llmspell
# Completion of llmspell for zsh. llmspell says what may come next, one a line: KIND, a tab, the text, a tab, help. The
# first line says how many characters of the word stay as they are (`operation=`).
_llmspell() {
    local line
    local -a fields plain parts kinds
    local -i skip=0
    local program=${(Q)words[1]}
    for line in "${(@f)$(
        _LLMSPELL_COMPLETE=zsh_complete ${program/#\~\//$HOME/} "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null
    )}"; do
        fields=("${(@ps:\t:)line}")
        case $fields[1] in
            skip) skip=$fields[2] ;;
            plain) plain+=("${fields[2]//:/\\:}${fields[3]:+:$fields[3]}") ;;
            part) parts+=("${fields[2]//:/\\:}${fields[3]:+:$fields[3]}") ;;
            file | dir | script) kinds+=($fields[1]) ;;
        esac
    done
    ((skip)) && compset -p $skip
    ((${#plain})) && _describe -V 'llmspell' plain
    ((${#parts})) && _describe -V 'parameter' parts -S ''
    for line in $kinds; do
        case $line in
            file) _files ;;
            dir) _files -/ ;;
            script) _files -g '*.lua' ;;
        esac
    done
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _llmspell "$@"
else
    compdef _llmspell llmspell
fi
