export { type Completer, completer } from './completer/completer.ts'
export type { CompleterEvent } from './completer/events.ts'
export type {
  AbandonedRecord,
  CompleterEngine,
  CompleterHandler,
  CompleterHandlers,
  CompleterOptions,
} from './completer/options.ts'
export type { RoundReport } from './completer/round.ts'
