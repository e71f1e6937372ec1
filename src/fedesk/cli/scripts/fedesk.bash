# Completion of fedesk for bash 4 or newer: `source <(fedesk completion bash)` in ~/.bashrc, or this file as
# ~/.local/share/bash-completion/completions/fedesk.
_fedesk() {
    local kind= reply
    COMPREPLY=()
    while IFS= read -r reply; do
        if [[ -z $kind ]]; then
            kind=$reply
        else
            COMPREPLY+=("$reply")
        fi
    done < <("${1/#\~/$HOME}" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    case $kind in
        files) compopt -o default ;;
        open) compopt -o nospace ;;
    esac
}
complete -F _fedesk fedesk
