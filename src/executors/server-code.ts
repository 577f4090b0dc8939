import { transactionOver } from './executor.ts'

/** Moves what Bun's own client says to where drivers have it: it keeps the server's error code in `errno`. */
export function withServerCode(error: unknown): unknown {
  const { code, errno, message } = Object(error) as { code?: unknown; errno?: unknown; message?: string }
  if (code === 'ERR_POSTGRES_INVALID_TRANSACTION_STATE') return transactionOver(error)
  if (code !== 'ERR_POSTGRES_SERVER_ERROR') return error
  return Object.assign(new Error(message, { cause: error }), { code: errno })
}
