const TOKEN = /^([0-9a-f]{32})\.([A-Za-z0-9_-]{43})$/

/** Visible ASCII without anything that needs quoting in a header, a form or a URL. */
export function printToken(id: string, proof: Uint8Array): string {
  return `${id}.${Buffer.from(proof).toString('base64url')}`
}

/** `undefined` for what no token looks like. */
export function parseToken(text: unknown): { readonly id: string; readonly proof: Buffer } | undefined {
  const [, id, proof] = (typeof text === 'string' && TOKEN.exec(text)) || []
  return id === undefined || proof === undefined ? undefined : { id, proof: Buffer.from(proof, 'base64url') }
}
