/** Effects that left the system: a mail, a published message, a payment. No transaction takes them back. */
export interface Outside {
  /** Records an effect, once per `key` if there is one; returns its number among those of its kind. */
  happen(what: string, detail: unknown, key: string | undefined): { readonly nth: number }
  entries(): Readonly<Record<string, readonly Entry[]>>
}

type Entry = Readonly<Record<'detail', unknown>>

export function createOutside(): Outside {
  const kinds = new Map<string, { readonly key: string | undefined; readonly detail: unknown }[]>()
  return {
    happen(what, detail, key) {
      const entries = kinds.get(what) ?? []
      kinds.set(what, entries)
      const known = key === undefined ? -1 : entries.findIndex((entry) => entry.key === key)
      if (known === -1) entries.push({ key, detail })
      return { nth: known === -1 ? entries.length : known + 1 }
    },
    // Keys are left out: they may be random; it only matters whether they repeat.
    entries: () =>
      Object.fromEntries([...kinds].map(([what, entries]) => [what, entries.map(({ detail }) => ({ detail }))])),
  }
}
