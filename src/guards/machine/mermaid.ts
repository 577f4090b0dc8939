import { checkMachine, type StateMachine } from './machine.ts'

/** Returns a Mermaid state diagram. Nothing leads to a start state, and an end state leads nowhere. */
export function toMermaid(machine: StateMachine): string {
  checkMachine(machine)
  const ids = new Map(machine.states.map((state, nth) => [state, isPlain(state) ? state : `s${nth}`]))
  const id = (state: string) => ids.get(state) as string
  const lines = machine.states.flatMap((state) => {
    const next = machine.transitions[state] ?? []
    return [
      ...(id(state) === state ? [] : [`state "${escaped(state)}" as ${id(state)}`]),
      ...(machine.sources(state).length === 0 ? [`[*] --> ${id(state)}`] : []),
      ...next.map((to) => `${id(state)} --> ${id(to)}`),
      ...(next.length === 0 ? [`${id(state)} --> [*]`] : []),
    ]
  })
  return ['stateDiagram-v2', ...lines.map((line) => `  ${line}`), ''].join('\n')
}

/** Not a word of Mermaid's grammar either, nor a name of ours, which stands for another state. */
function isPlain(state: string): boolean {
  return (
    /^[A-Za-z_]\w*$/.test(state) && !/^(s\d+|state|note|end|class|classDef|style|default|direction|scale)$/i.test(state)
  )
}

/** Escapes characters of Mermaid's grammar as `#number;`. */
function escaped(text: string): string {
  return text.replace(/["#;<>&\\\n\r]/g, (char) => `#${char.charCodeAt(0)};`)
}
