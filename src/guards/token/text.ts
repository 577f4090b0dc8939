const TOKEN = /^([0-9a-f]{32})\.([A-Za-z0-9_-]{43})$/

/** Returns a token as visible ASCII that needs no quoting in a header, form or URL. */
export function printToken(id: string, proof: Uint8Array): string {
  return `${id}.${Buffer.from(proof).toString('base64url')}`
}

/** Returns `undefined` for text that is not in the form of a token. */
export function parseToken(text: unknown): { readonly id: string; readonly proof: Buffer } | undefined {
  const [, id, proof] = (typeof text === 'string' && TOKEN.exec(text)) || []
  return id === undefined || proof === undefined ? undefined : { id, proof: Buffer.from(proof, 'base64url') }
}
