export type { ConsumerHappening, MessageListeners, RelayHappening } from './message-listeners.ts'
export type { TelemetryMeter } from './meter.ts'
export {
  type OpenTelemetryOptions,
  openTelemetry,
  type TelemetrySpan,
  type TelemetryTracer,
} from './open-telemetry.ts'
export { openTelemetryMessages } from './open-telemetry-messages.ts'
export { type PrometheusMetrics, prometheus } from './prometheus.ts'
