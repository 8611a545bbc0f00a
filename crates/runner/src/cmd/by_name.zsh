    # One file completes all programs: at its first use it may have been asked for another one.
    if [[ $service == ttlsweep-* ]] && (( $+functions[_$service] )); then
        _$service "$@"
        return
    fi
    if (( CURRENT > 2 )); then
        local program= drop=2
        # `drop` is how many words the program's name stands for: of several commands of one program the name is passed on.
        case "$words[2]" in
            @SIBLINGS@
        esac
        if [[ -n $program ]] && (( $+functions[_$program] )); then
            words=($program "${(@)words[drop + 1,-1]}")
            (( CURRENT -= drop - 1 ))
            _$program "$@"
            return
        fi
    fi
