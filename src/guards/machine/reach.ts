/** Returns, for each state, the states reachable by one or more transitions. */
export function reachability(
  transitions: Readonly<Record<string, readonly string[]>>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const reachable = new Map<string, Set<string>>()
  for (const from of Object.keys(transitions)) {
    const seen = new Set<string>()
    const open = [...(transitions[from] ?? [])]
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (seen.has(state)) continue
      seen.add(state)
      open.push(...(transitions[state] ?? []))
    }
    reachable.set(from, seen)
  }
  return reachable
}

export function onCycles(reachable: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  return new Set([...reachable].filter(([state, beyond]) => beyond.has(state)).map(([state]) => state))
}
