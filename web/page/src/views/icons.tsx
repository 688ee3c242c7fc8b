// Drawings for buttons, whose names are words.

import type { ComponentChildren } from 'preact';

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

const MICROPHONE = 'M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM6 11a6 6 0 0 0 12 0M12 17v4M9 21h6';

export const MicrophoneIcon = () => (
  <Icon>
    <path d={MICROPHONE} />
  </Icon>
);

export const MicrophoneOffIcon = () => (
  <Icon>
    <path d={MICROPHONE} />
    <path d="M4 3l16 18" />
  </Icon>
);

export const ChatIcon = () => (
  <Icon>
    <path d="M5 5h14a1.5 1.5 0 0 1 1.5 1.5v9A1.5 1.5 0 0 1 19 17h-8l-4.5 3.5V17H5a1.5 1.5 0 0 1-1.5-1.5v-9A1.5 1.5 0 0 1 5 5zM8 9.5h8M8 13h5" />
  </Icon>
);

export const HangUpIcon = () => (
  <Icon>
    <path d="M3.5 15.5c-.7-3 3.3-6.5 8.5-6.5s9.2 3.5 8.5 6.5c-.2 1-1 1.3-1.9 1l-2.5-.7c-.8-.2-1.2-.8-1.2-1.6v-1.5a10 10 0 0 0-5.8 0v1.5c0 .8-.4 1.4-1.2 1.6l-2.5.7c-.9.3-1.7 0-1.9-1z" />
  </Icon>
);

export const SendIcon = () => (
  <Icon>
    <path d="M4 12l16-7.5-5 15.5-3.5-6zM11.5 14L20 4.5" />
  </Icon>
);

export const DownIcon = () => (
  <Icon>
    <path d="M12 5v14M6 13l6 6 6-6" />
  </Icon>
);

export const ChevronIcon = () => (
  <Icon>
    <path d="M7 10l5 5 5-5" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="M6 6l12 12M18 6L6 18" />
  </Icon>
);

export const SpeakerIcon = () => (
  <Icon>
    <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11" />
  </Icon>
);

export const MachineIcon = () => (
  <Icon>
    <path d="M5 11v2M9 7v10M13 4v16M17 8v8M21 11v2" />
  </Icon>
);

export const NoteIcon = () => (
  <Icon>
    <path d="M6 3.5h9l4 4v13H6zM14.5 3.5V8H19M9 12h7M9 16h5" />
  </Icon>
);

export const ThemeIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="8.5" />
    <path class="filled" d="M12 3.5a8.5 8.5 0 0 1 0 17z" />
  </Icon>
);

/** Bars that fill with the quality. */
export const SignalIcon = ({ bars }: { bars: number }) => (
  <Icon>
    {[6, 10, 14, 18].map((height, index) => (
      <path key={height} class={index < bars ? 'bar' : 'bar faint'} d={`M${4 + index * 5} 21v-${height}`} />
    ))}
  </Icon>
);
