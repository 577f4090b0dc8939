import { Histogram } from './histogram.ts'

/** Metrics of one name, one for each set of labels; the name goes without `onlyonce_`. */
export interface Family {
  /** Lines of the text format; none as long as there is no metric. */
  lines(): readonly string[]
}

/** Numbers that are added up, or set. */
export class Values implements Family {
  readonly #head: readonly string[]
  readonly #name: string
  readonly #values = new Map<string, number>()

  constructor(type: 'counter' | 'gauge', name: string, help: string) {
    this.#name = `onlyonce_${name}`
    this.#head = head(this.#name, type, help)
  }

  add(labels: string, by = 1): void {
    this.set(labels, (this.#values.get(labels) ?? 0) + by)
  }

  set(labels: string, value: number): void {
    this.#values.set(labels, value)
  }

  lines(): readonly string[] {
    if (this.#values.size === 0) return []
    return [...this.#head, ...[...this.#values].map(([labels, value]) => `${this.#name}{${labels}} ${value}`)]
  }
}

export class Durations implements Family {
  readonly #head: readonly string[]
  readonly #name: string
  readonly #histograms = new Map<string, Histogram>()

  constructor(name: string, help: string) {
    this.#name = `onlyonce_${name}`
    this.#head = head(this.#name, 'histogram', help)
  }

  /** The histogram of these labels, which is shown from now on. */
  of(labels: string): Histogram {
    const known = this.#histograms.get(labels)
    if (known !== undefined) return known
    const made = new Histogram()
    this.#histograms.set(labels, made)
    return made
  }

  lines(): readonly string[] {
    if (this.#histograms.size === 0) return []
    return [...this.#head, ...[...this.#histograms].flatMap(([labels, one]) => one.lines(this.#name, labels))]
  }
}

export const linesOf = (families: readonly Family[]): readonly string[] => families.flatMap((family) => family.lines())

function head(name: string, type: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' }

/** A value as it stands between the quotes of a label. */
export function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => ESCAPES[char] as string)
}
