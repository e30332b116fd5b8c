import { Argument, type Command } from 'commander'
import { writeAll } from '../print/write.ts'

/** Bash takes `:` and `=` for ends of words, and replaces only what is behind the last one. */
const bash = `# bash completion for utsuwa
_utsuwa() {
  local -a words
  local line=\${COMP_LINE:0:COMP_POINT} current prefix candidate
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[-1]} prefix=
  [[ $current == *[:=]* ]] && prefix=\${current%"\${current##*[:=]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    if [[ $candidate == :files ]]; then
      compopt -o default 2>/dev/null
    else
      COMPREPLY+=("\${candidate#"$prefix"}")
    fi
  done < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *: ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _utsuwa utsuwa
`

/** Who returns anything but 0 has found nothing, for zsh: it may then guess. */
const zsh = `#compdef utsuwa
_utsuwa() {
  local -a candidates
  local line files found=1
  for line in "\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      files=1
    elif [[ -n $line ]]; then
      candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  (( $#candidates )) && _describe utsuwa candidates && found=0
  [[ -n $files ]] && _files && found=0
  return found
}
if [[ "\${funcstack[1]}" == _utsuwa ]]; then _utsuwa "$@"; else compdef _utsuwa utsuwa; fi
`

const fish = `# fish completion for utsuwa
function __utsuwa_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c utsuwa -f -a '(__utsuwa_complete)'
`

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish }

export const examples = [
  'source <(utsuwa completion bash)',
  'utsuwa completion zsh >~/.zfunc/_utsuwa',
  'utsuwa completion fish >~/.config/fish/completions/utsuwa.fish',
]

export function define(command: Command): void {
  command
    .addArgument(new Argument('<SHELL>', 'bash, zsh or fish').choices(Object.keys(scripts)))
    .action((shell: string) => writeAll(1, scripts[shell]!))
}
