// How loud something is right now, for who shows it.

/** Speech is between these, Hz. */
const LOWEST = 100;
const HIGHEST = 4_000;

export class Meter {
  private readonly context = new AudioContext();
  private readonly analyser = this.context.createAnalyser();
  private readonly source: MediaStreamAudioSourceNode;
  private readonly samples: Float32Array<ArrayBuffer>;
  private readonly spectrum: Uint8Array<ArrayBuffer>;

  constructor(track: MediaStreamTrack) {
    this.analyser.fftSize = 1024;
    this.analyser.smoothingTimeConstant = 0.7;
    this.samples = new Float32Array(this.analyser.fftSize);
    this.spectrum = new Uint8Array(this.analyser.frequencyBinCount);
    this.source = this.context.createMediaStreamSource(new MediaStream([track]));
    this.source.connect(this.analyser);
    // Where the browser waits for a click, it shows silence.
    void this.context.resume().catch(() => {});
  }

  /** From 0 for silence to 1 for a loud voice. */
  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    // From -60 to -15 dB.
    return Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-12) + 60) / 45));
  }

  /** So many bands of a voice from low to high, each from 0 to 1. */
  bands(count: number): number[] {
    this.analyser.getByteFrequencyData(this.spectrum);
    const width = this.context.sampleRate / this.analyser.fftSize;
    const edge = (index: number) => Math.round((LOWEST * (HIGHEST / LOWEST) ** (index / count)) / width);
    return Array.from({ length: count }, (_, index) => {
      const bins = this.spectrum.subarray(edge(index), Math.max(edge(index) + 1, edge(index + 1)));
      return bins.reduce((sum, bin) => sum + bin, 0) / bins.length / 255;
    });
  }

  close(): void {
    this.source.disconnect();
    void this.context.close().catch(() => {});
  }
}
