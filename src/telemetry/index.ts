export {
  type OpenTelemetryOptions,
  openTelemetry,
  type TelemetryMeter,
  type TelemetrySpan,
  type TelemetryTracer,
} from './open-telemetry.ts'
export { type PrometheusMetrics, prometheus } from './prometheus.ts'
