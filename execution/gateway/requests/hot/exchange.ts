/** One request that is answered where it lies, and its answer while it is being written. */
import { nowSeconds } from '../../../objects/index.ts';
import { leaseNowMs } from '../../keys/lease-clock.ts';
import { Writer } from '../../ttlv-writer.ts';
import { answerBytes, beginAnswer } from './answer.ts';
import { newScan, type Scan, scanRequest } from './scan.ts';

const EMPTY = Buffer.alloc(0);

/** One for all requests: each is answered before the next is looked at. */
export class Exchange {
  /** What holds the request; offsets of `scan` are into it. */
  bytes: Buffer = EMPTY;
  readonly scan: Scan = newScan();
  /** Stands where the answer goes on. */
  readonly writer = new Writer(EMPTY);
  /** Whether the answers of this read hold keys, or what was encrypted. */
  isSecret = false;
  /** Seconds since the epoch: one moment for all that comes in one read; 0: not looked at yet. */
  nowS = 0;
  /** The same moment, on the clock of leases (`leaseNowMs`). */
  leaseMs = 0;

  /** False: the request is not for here. */
  read(bytes: Buffer, start: number, end: number): boolean {
    this.bytes = bytes;
    return scanRequest(bytes, start, end, this.scan);
  }

  /** From here on the answer is written, to `out` at `at`. */
  open(out: Buffer, at: number): void {
    if (this.nowS === 0) {
      this.nowS = nowSeconds();
      this.leaseMs = leaseNowMs();
    }
    this.writer.place(out, at);
  }

  /** Whether there is room for an answer whose payload's fields take `fieldsBytes`. */
  fits(fieldsBytes: number): boolean {
    const { at, out } = this.writer;
    return at + answerBytes(this.scan, fieldsBytes) <= out.length;
  }

  /** Writes what stands before the fields; false, and nothing is written, when there is no room. */
  begin(fieldsBytes: number): boolean {
    if (!this.fits(fieldsBytes)) return false;
    beginAnswer(this.writer, this.bytes, this.scan, fieldsBytes, this.nowS);
    return true;
  }

  /** The read is over. */
  forget(): void {
    this.bytes = EMPTY;
    this.nowS = 0;
  }
}
