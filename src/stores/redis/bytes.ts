/** Writes big-endian numbers and texts one behind the other: one buffer per batch, however many parts it has. */
export class ByteWriter {
  #bytes: Buffer
  #at = 0

  constructor(estimate: number) {
    this.#bytes = Buffer.allocUnsafe(estimate)
  }

  get length(): number {
    return this.#at
  }

  /** An unsigned number of 1 to 7 bytes, at the end or over what was written at `at` before. */
  number(value: number, size: number, at?: number): void {
    let place = at ?? this.#room(size)
    if (size === 7) this.#bytes[place++] = Math.floor(value / 2 ** 48)
    this.#bytes.writeUIntBE(size === 7 ? value % 2 ** 48 : value, place, Math.min(size, 6))
  }

  text(value: string, encoding: 'utf8' | 'hex' | 'base64url' = 'utf8'): void {
    // Three bytes for one UTF-16 unit is the most that UTF-8 takes.
    const most = encoding === 'utf8' ? value.length * 3 : value.length
    const place = this.#room(most)
    this.#at = place + this.#bytes.write(value, place, most, encoding)
  }

  bytes(value: Uint8Array): void {
    const place = this.#room(value.length)
    this.#bytes.set(value, place)
  }

  /** What was written. The writer must not be used again. */
  done(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #room(size: number): number {
    const place = this.#at
    this.#at += size
    if (this.#at > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#at, this.#bytes.length * 2))
      larger.set(this.#bytes.subarray(0, place))
      this.#bytes = larger
    }
    return place
  }
}
