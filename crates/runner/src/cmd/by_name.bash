
_ttlsweep_by_name() {
    local program= drop=2
    if [[ $COMP_CWORD -ge 2 ]]; then
        # `drop` is how many words the program's name stands for: of several commands of one program the name is passed on.
        case "${COMP_WORDS[1]}" in
            @SIBLINGS@
        esac
    fi
    local known="_${program//-/__}"
    if [[ -n $program ]] && declare -F "$known" >/dev/null; then
        COMP_WORDS=("$program" "${COMP_WORDS[@]:$drop}")
        COMP_CWORD=$((COMP_CWORD - drop + 1))
        "$known" "$program" "$2" "${COMP_WORDS[COMP_CWORD - 1]}"
    else
        _ttlsweep "$@"
    fi
}

complete -F _ttlsweep_by_name -o bashdefault -o default ttlsweep
