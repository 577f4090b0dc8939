import type { StateMachine } from './machine.ts'

/**
 * Groups states by the length of the longest path to them without back edges, so that every other edge leads to a later
 * layer. An edge that closes a cycle, in the order in which states are declared, is a back edge.
 */
export function layersOf({ states, transitions }: StateMachine): readonly (readonly string[])[] {
  const back = backwards({ states, transitions })
  const layer = new Map(states.map((state) => [state, 0]))
  for (let round = 0; round < states.length; round++) {
    for (const from of states) {
      for (const to of transitions[from] ?? []) {
        if (back.has(`${from}\n${to}`)) continue
        layer.set(to, Math.max(layer.get(to) as number, (layer.get(from) as number) + 1))
      }
    }
  }
  const layers: string[][] = []
  for (const state of states) {
    const at = layer.get(state) as number
    layers[at] = [...(layers[at] ?? []), state]
  }
  return layers
}

function backwards({ states, transitions }: Pick<StateMachine, 'states' | 'transitions'>): ReadonlySet<string> {
  const back = new Set<string>()
  const done = new Set<string>()
  const visit = (state: string, trail: ReadonlySet<string>): void => {
    if (done.has(state)) return
    const inside = new Set([...trail, state])
    for (const to of transitions[state] ?? []) {
      if (inside.has(to)) back.add(`${state}\n${to}`)
      else visit(to, inside)
    }
    done.add(state)
  }
  for (const state of states) visit(state, new Set())
  return back
}
