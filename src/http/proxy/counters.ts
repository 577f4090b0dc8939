import type { OnceEvent } from '../../core/events.ts'
import type { Failure } from './problems.ts'

/** The proxy's metrics, as Prometheus text. Keys, scopes and paths are no labels: their number is unbounded. */
export class Counters {
  inFlight = 0
  #seconds = 0
  #requests = 0
  readonly #operations = new Map<string, number>()
  readonly #responses = new Map<string, number>()
  readonly #failures = new Map<string, number>()

  /** Listener for `once.on`. */
  readonly heard = (event: OnceEvent): void => add(this.#operations, event.type)

  begun(): void {
    this.inFlight++
  }

  ended(status: number | undefined, seconds: number): void {
    this.inFlight--
    this.#requests++
    this.#seconds += seconds
    add(this.#responses, status === undefined ? 'none' : `${Math.floor(status / 100)}xx`)
  }

  failed(why: Failure): void {
    add(this.#failures, why)
  }

  text(): string {
    return [
      ...family('operations_total', 'counter', 'What became of guarded requests.', 'outcome', this.#operations),
      ...family('responses_total', 'counter', 'Answers; none: the client was gone.', 'class', this.#responses),
      ...family('upstream_failures_total', 'counter', 'Requests without an answer.', 'reason', this.#failures),
      ...head('in_flight', 'gauge', 'Requests under way.'),
      `onlyonce_proxy_in_flight ${this.inFlight}`,
      ...head('request_seconds', 'summary', 'From the head of a request to the end of its answer.'),
      `onlyonce_proxy_request_seconds_sum ${this.#seconds}`,
      `onlyonce_proxy_request_seconds_count ${this.#requests}`,
      '',
    ].join('\n')
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP onlyonce_proxy_${name} ${help}`, `# TYPE onlyonce_proxy_${name} ${type}`]
}

function family(
  name: string,
  type: string,
  help: string,
  label: string,
  counts: ReadonlyMap<string, number>,
): string[] {
  const samples = [...counts].map(([value, count]) => `onlyonce_proxy_${name}{${label}="${value}"} ${count}`)
  return [...head(name, type, help), ...samples]
}
