import type { Command } from 'commander'

export type Shell = 'bash' | 'zsh' | 'fish'

interface Word {
  readonly word: string
  readonly description: string
}

/** Words that may follow a command. `path` is `''` for the program itself, `'keys ls'` for a subcommand. */
interface Place {
  readonly path: string
  readonly commands: readonly Word[]
  readonly options: readonly Word[]
}

interface Grammar {
  readonly name: string
  readonly places: readonly Place[]
  /** Options whose value is one of a list. */
  readonly choices: readonly { readonly option: string; readonly values: readonly string[] }[]
}

/** Returns a script that completes commands, options and their fixed values, made from the command definitions. */
export function completionScript(program: Command, shell: Shell): string {
  return WRITERS[shell](grammarOf(program))
}

const WRITERS: Readonly<Record<Shell, (grammar: Grammar) => string>> = { bash, zsh, fish }

function grammarOf(program: Command): Grammar {
  const places: Place[] = []
  const choices = new Map<string, readonly string[]>()
  const shared = optionsOf(program).filter(({ word }) => word !== '--version')

  function visit(command: Command, path: string): void {
    for (const { long, argChoices } of command.options) if (long && argChoices) choices.set(long, argChoices)
    const subcommands = command.commands.map((sub) => ({ word: sub.name(), description: sub.description() }))
    const values = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices)
    places.push({
      path,
      commands: [...subcommands, ...values.map((word) => ({ word, description: '' }))],
      options: [...optionsOf(command), ...(path === '' ? [] : shared), { word: '--help', description: 'show help' }],
    })
    for (const sub of command.commands) visit(sub, path === '' ? sub.name() : `${path} ${sub.name()}`)
  }
  visit(program, '')
  return { name: program.name(), places, choices: [...choices].map(([option, values]) => ({ option, values })) }
}

function optionsOf(command: Command): Word[] {
  return command.options.flatMap(({ long, description }) => (long ? [{ word: long, description }] : []))
}

/** Shell code that finds the path by walking the words, skipping those that do not extend it. */
function walk(places: readonly Place[]): string {
  const steps = places.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`)
  return `case "\${path:+$path }$word" in
      ${steps.join('|')}) path="\${path:+$path }$word" ;;
    esac`
}

function wordsOf({ commands, options }: Place): string {
  return [...commands, ...options].map(({ word }) => word).join(' ')
}

function bash({ name, places, choices }: Grammar): string {
  return `# bash completion for ${name}: add to ~/.bashrc   source <(${name} completion bash)
_${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    ${walk(places)}
  done
  case "$path" in
${places.map((place) => `    '${place.path}') words='${wordsOf(place)}' ;;`).join('\n')}
  esac
  case "$prev" in
${choices.map(({ option, values }) => `    ${option}) words='${values.join(' ')}' ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _${name} ${name}
`
}

function zsh({ name, places, choices }: Grammar): string {
  const described = ({ commands, options }: Place) =>
    [...commands, ...options].map(({ word, description }) => quoted(`${word}:${description}`)).join(' ')
  return `#compdef ${name}
# zsh completion for ${name}: ${name} completion zsh > "\${fpath[1]}/_${name}"
_${name}() {
  local cmdpath='' word
  local -a entries
  for word in "\${(@)words[2,CURRENT-1]}"; do
    ${walk(places).replaceAll('path', 'cmdpath')}
  done
  case "\${words[CURRENT-1]}" in
${choices.map(({ option, values }) => `    ${option}) compadd -- ${values.join(' ')}; return ;;`).join('\n')}
  esac
  case "$cmdpath" in
${places.map((place) => `    '${place.path}') entries=(${described(place)}) ;;`).join('\n')}
  esac
  _describe '${name}' entries
}
if [ "$funcstack[1]" = "_${name}" ]; then _${name} "$@"; else compdef _${name} ${name}; fi
`
}

function fish({ name, places, choices }: Grammar): string {
  const lines = places.flatMap(({ path, commands, options }) => {
    const when = `-n '__${name}_at ${quoted(path).replaceAll("'", '"')}'`
    return [
      ...commands.map(({ word, description }) => `complete -c ${name} -f ${when} -a ${word} -d ${quoted(description)}`),
      ...options.map(({ word, description }) => {
        const values = choices.find(({ option }) => option === word)?.values
        return `complete -c ${name} ${when} -l ${word.slice(2)} -d ${quoted(description)}${values ? ` -xa '${values.join(' ')}'` : ''}`
      }),
    ]
  })
  return `# fish completion for ${name}: ${name} completion fish > ~/.config/fish/completions/${name}.fish
function __${name}_at
  set -l path
  for word in (commandline -opc)[2..-1]
    switch (string join -- ' ' $path $word)
      case ${places.flatMap(({ path }) => (path === '' ? [] : [`'${path}'`])).join(' ')}
        set path $path $word
    end
  end
  set -l at (string join -- ' ' $path)
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`
}

/** Quotes text with single quotes, for all three shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '')}'`
}
