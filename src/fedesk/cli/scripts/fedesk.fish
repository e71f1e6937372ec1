# Completion of fedesk for fish: this file as ~/.config/fish/completions/fedesk.fish.
function __fedesk_complete
    set -l before (commandline -opc)
    set -l token (string unescape -- (commandline -ct))
    test (count $token) -gt 0; or set token ''
    set -l answer ($before[1] __complete words -- $before[2..-1] $token 2>/dev/null)
    if test "$answer[1]" = files
        __fish_complete_path (commandline -ct)
    else if test (count $answer) -gt 1
        string join \n -- $answer[2..-1]
    end
end
complete --command fedesk --no-files --keep-order --arguments '(__fedesk_complete)'
