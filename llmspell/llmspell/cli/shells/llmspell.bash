# Completion of llmspell for bash 3.2 and later. llmspell says what may come next, one a line: its kind, a text, and what
# stands before the text, with ASCII 31 between them. Both together take the place of the word $2, which begins after
# the last of COMP_WORDBREAKS; "=", ":" and "@" are among these.
_llmspell_completion() {
    local kind text start path
    COMPREPLY=()
    while IFS=$'\x1f' read -r kind text start; do
        case $kind in
            plain) COMPREPLY+=("$start$text") ;;
            part)
                COMPREPLY+=("$start$text")
                type compopt &>/dev/null && compopt -o nospace
                ;;
            file | dir | script)
                type compopt &>/dev/null && compopt -o filenames
                while IFS= read -r path; do
                    COMPREPLY+=("$start$path")
                done < <(_llmspell_paths "$kind" "$text")
                ;;
        esac
    done < <(
        _LLMSPELL_COMPLETE=bash_complete COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORD="$2" \
            "${1/#\~\//$HOME/}" 2>/dev/null
    )
}
_llmspell_paths() {
    case $1 in
        file) compgen -f -- "$2" ;;
        dir) compgen -d -- "$2" ;;
        script) compgen -d -- "$2"; compgen -f -X '!*.lua' -- "$2" ;;
    esac
}
complete -o nosort -F _llmspell_completion llmspell 2>/dev/null || complete -F _llmspell_completion llmspell
