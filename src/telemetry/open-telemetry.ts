import type { OnceEvent } from '../core/events.ts'
import type { AnyOnce } from '../core/once.ts'
import { checkEngine, checkedName, invalidKind, refuseUnknown } from '../core/option-rules.ts'
import { type Attributes, checkMeter, inSeconds, type TelemetryMeter } from './meter.ts'

/** The part of a `Tracer` of `@opentelemetry/api` that is used. */
export interface TelemetryTracer {
  startSpan(name: string, options: { startTime: number; attributes: Attributes }): TelemetrySpan
}

/** The part of a `Span` of `@opentelemetry/api` that is used. */
export interface TelemetrySpan {
  setStatus(status: { code: number }): unknown
  end(endTime: number): void
}

/**
 * Options of `openTelemetry`; any other name is OPTION_INVALID. onlyonce imports nothing of OpenTelemetry: give it what
 * to report to.
 */
export interface OpenTelemetryOptions {
  /** The name that tells this engine from others: the attribute `onlyonce.engine`. */
  readonly engine: string
  /** `metrics.getMeter('onlyonce')` of `@opentelemetry/api`. Default: none, and nothing is counted. */
  readonly meter?: TelemetryMeter
  /** `trace.getTracer('onlyonce')` of `@opentelemetry/api`. Default: none, and there are no spans. */
  readonly tracer?: TelemetryTracer
}

/** `SpanStatusCode.ERROR`. */
const ERROR = 2

/**
 * Hands what happens to an engine's operations to OpenTelemetry: a counter of events, durations of claims and effects,
 * and a span for each effect, child of the span that was active in the call. Keys, scopes, results and messages of
 * errors are handed over nowhere. Returns a function that ends it.
 *
 * There are no semantic conventions for idempotency, so all names begin with `onlyonce.`; `error.type` is the general one.
 * @throws OnlyonceError OPTION_INVALID
 * @see https://opentelemetry.io/docs/specs/semconv/
 */
export function openTelemetry(once: AnyOnce, options: OpenTelemetryOptions): () => void {
  checkEngine(once)
  refuseUnknown(options, ['engine', 'meter', 'tracer'])
  const { engine, meter, tracer } = Object(options) as OpenTelemetryOptions
  checkedName('engine', engine)
  if (meter === undefined && tracer === undefined)
    throw invalidKind('meter', 'or `tracer` is required: nobody would be told', meter)
  if (meter !== undefined) checkMeter(meter)
  if (tracer !== undefined && typeof Object(tracer).startSpan !== 'function')
    throw invalidKind('tracer', 'must be a tracer of OpenTelemetry: trace.getTracer(name)', tracer)
  const measure = meter && measuring(meter)
  return once.on((event) => {
    const attributes = attributesOf(engine, event)
    measure?.(event, attributes)
    if (tracer !== undefined && (event.type === 'executed' || event.type === 'failed'))
      spanOf(tracer, event, attributes)
  })
}

function measuring(meter: TelemetryMeter): (event: OnceEvent, attributes: Attributes) => void {
  const events = meter.createCounter('onlyonce.events', {
    description: 'What happened to operations.',
    unit: '{event}',
  })
  const claims = meter.createHistogram('onlyonce.claim.duration', inSeconds('How long granted claims took.'))
  const effects = meter.createHistogram('onlyonce.effect.duration', inSeconds('How long effects took.'))
  return (event, attributes) => {
    events.add(1, attributes)
    if (event.type === 'claimed') claims.record(event.tookMs / 1000, attributes)
    if (event.type === 'executed' || event.type === 'failed') effects.record(event.tookMs / 1000, attributes)
  }
}

/** The event comes when the effect is over, so its span is begun and ended then, with the times that it had. */
function spanOf(tracer: TelemetryTracer, event: OnceEvent & { readonly tookMs: number }, attributes: Attributes): void {
  const endedAt = Date.now()
  const attempt: Attributes = event.type === 'executed' ? { 'onlyonce.attempt': event.attempt } : {}
  const span = tracer.startSpan('onlyonce.effect', {
    startTime: endedAt - event.tookMs,
    attributes: { ...attributes, ...attempt },
  })
  if (event.type === 'failed') span.setStatus({ code: ERROR })
  span.end(endedAt)
}

function attributesOf(engine: string, event: OnceEvent): Attributes {
  const attributes: Attributes = { 'onlyonce.engine': engine, 'onlyonce.event': event.type }
  if (event.type === 'replayed') attributes['onlyonce.result'] = event.result
  if (event.type === 'failed') attributes['error.type'] = event.error instanceof Error ? event.error.name : '_OTHER'
  if (event.type === 'store-failed') {
    attributes['error.type'] = event.code
    attributes['onlyonce.verb'] = event.verb
  }
  return attributes
}
