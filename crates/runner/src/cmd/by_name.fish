
function __ttlsweep_by_name
    set -l before (commandline -opc)
    # `drop` is how many words the program's name stands for: of several commands of one program the name is passed on.
    switch "$before[2]"
        @SIBLINGS@
    end
    # What is being typed is passed on as it is, with a quote that is still open.
    complete -C (string join ' ' -- $program (string escape -- $before[(math $drop + 1)..]) (commandline -ct | string collect --allow-empty))
end

complete -c ttlsweep -n "__fish_ttlsweep_using_subcommand @NAMES@" -f -a "(__ttlsweep_by_name)"
