/** What a soak does, and for how long. */
export interface SoakPlan {
  readonly seconds: number;
  /** The traffic lasts until it has done as many, if that takes longer than `seconds`, but not four times as long. */
  readonly operations: number;
  readonly tenants: number;
  /** Of each tenant. */
  readonly services: number;
  /** Of all services together; each over a connection of its own, one request after the other. */
  readonly connections: number;
  /** A connection's pause between two requests, in milliseconds. */
  readonly paceMs: number;
  /** Seconds between two rotations of some L3, and of some L2; 0: none. */
  readonly rotateL3Every: number;
  readonly rotateL2Every: number;
  /** Seconds between two cores that are killed, on average; 0: none. */
  readonly killEvery: number;
  /** Ciphertexts of each service that are kept from the whole run, to be decrypted again and again, and in the end. */
  readonly sample: number;
}

/** Of the two regions of the installation, the one where everything happens. */
export const REGION = 'eu-west-1';
