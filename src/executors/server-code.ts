/** Moves the server's error code to where drivers have it: Bun's own client keeps it in `errno`. */
export function withServerCode(error: unknown): unknown {
  const { code, errno, message } = Object(error) as { code?: unknown; errno?: unknown; message?: string }
  if (code !== 'ERR_POSTGRES_SERVER_ERROR') return error
  return Object.assign(new Error(message, { cause: error }), { code: errno })
}
