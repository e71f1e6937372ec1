#compdef fedesk
# Completion of fedesk for zsh: this file as _fedesk in a folder of $fpath, or, after compinit in ~/.zshrc,
# `source <(fedesk completion zsh)`.
_fedesk() {
    local -a lines texts shown
    local kind line text told
    local -i width=0
    lines=("${(@f)$("${(Q)words[1]/#\~/$HOME}" __complete words -- \
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    kind=$lines[1]
    lines=("${(@)lines[2,-1]}")
    if [[ $kind == files ]]; then
        _files
        return
    fi
    for line in "${(@)lines}"; do
        text=${line%%$'\t'*}
        texts+=("$text")
        (( $#text > width )) && width=$#text
    done
    for line in "${(@)lines}"; do
        text=${line%%$'\t'*}
        told=${line#*$'\t'}
        shown+=("${(r:width:)text}${told:+  $told}")
    done
    if [[ $kind == open ]]; then
        compadd -V fedesk -S '' -l -d shown -- "${(@)texts}"
    else
        compadd -V fedesk -l -d shown -- "${(@)texts}"
    fi
}
if [[ $funcstack[1] == _fedesk ]]; then
    _fedesk "$@"
else
    compdef _fedesk fedesk
fi
