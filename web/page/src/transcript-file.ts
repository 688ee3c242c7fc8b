// A transcript to keep: as text, in the clipboard, or as a file.

import type { Line, Speaker } from './visit';

/** One line for each segment: "[14:03] You: hello". */
export function transcriptText(lines: Line[], names: Record<Speaker, string>): string {
  return lines.map(({ speaker, text, at }) => `[${time(at)}] ${names[speaker]}: ${text}\n`).join('');
}

/** Whether the browser let us. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // Browsers read it after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function time(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':');
}
