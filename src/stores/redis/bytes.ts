/** Appends big-endian numbers, texts and bytes to one buffer per batch. */
export class ByteWriter {
  #bytes: Buffer
  #at = 0

  constructor(estimate: number) {
    this.#bytes = Buffer.allocUnsafe(estimate)
  }

  get length(): number {
    return this.#at
  }

  /** Writes an unsigned number of 1 to 7 bytes, at the end, or at `at` over what is there. */
  number(value: number, size: number, at?: number): void {
    let place = at ?? this.#room(size)
    if (size === 7) this.#bytes[place++] = Math.floor(value / 2 ** 48)
    this.#bytes.writeUIntBE(size === 7 ? value % 2 ** 48 : value, place, Math.min(size, 6))
  }

  text(value: string, encoding: 'utf8' | 'hex' | 'base64url' = 'utf8'): void {
    // UTF-8 takes at most three bytes for a UTF-16 code unit.
    const most = encoding === 'utf8' ? value.length * 3 : value.length
    const place = this.#room(most)
    this.#at = place + this.#bytes.write(value, place, most, encoding)
  }

  bytes(value: Uint8Array): void {
    const place = this.#room(value.length)
    this.#bytes.set(value, place)
  }

  /** Returns what was written. The writer must not be used again. */
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
