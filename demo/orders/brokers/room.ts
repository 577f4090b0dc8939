import { randomBytes } from 'node:crypto'

/** A name that no other run has, in the hash of the URL: no server looks at that. */
export function roomAt(url: string): { readonly url: string; readonly name: string } {
  const name = `demo-${randomBytes(6).toString('hex')}`
  return { url: `${url.split('#')[0]}#${name}`, name }
}

export function roomIn(url: string): { readonly server: string; readonly name: string } {
  const [server = '', name = ''] = url.split('#')
  return { server, name }
}
