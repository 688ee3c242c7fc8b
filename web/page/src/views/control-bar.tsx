import type { MicrophoneState } from '../visit';
import { DevicePicker } from './device-picker';
import { ChatIcon, ChevronIcon, HangUpIcon, MicrophoneIcon, MicrophoneOffIcon } from './icons';
import { LevelBars } from './level-bars';
import { usePage } from './page';

interface Props {
  connected: boolean;
  microphone: MicrophoneState;
  track: MediaStreamTrack | undefined;
  hasChat: boolean;
  setMuted(muted: boolean): void;
  chooseMicrophone(device: string): void;
  toggleChat(): void;
  hangUp(): void;
}

export function ControlBar(props: Props) {
  const { connected, microphone, track, hasChat, setMuted, chooseMicrophone, toggleChat, hangUp } = props;
  const { texts } = usePage();
  const muted = microphone === 'muted';
  const off = microphone !== 'on';
  const mute = texts(muted ? 'session.unmute' : 'session.mute');
  const chat = texts(hasChat ? 'session.chat.hide' : 'session.chat.show');
  return (
    <div class="bar" role="group" aria-label={texts('session.controls')}>
      <div class="joined" data-off={off}>
        <button
          id="mute"
          type="button"
          aria-label={mute}
          title={mute}
          data-muted={muted}
          disabled={!connected || microphone === 'lost'}
          onClick={() => setMuted(!muted)}
        >
          {off ? <MicrophoneOffIcon /> : <MicrophoneIcon />}
          <LevelBars track={off ? undefined : track} />
        </button>
        <span class="picker">
          <DevicePicker label={texts('session.device')} current={track?.getSettings().deviceId} onDevice={chooseMicrophone} />
          <ChevronIcon />
        </span>
      </div>
      <button
        id="toggle-chat"
        type="button"
        aria-label={chat}
        title={chat}
        aria-expanded={hasChat}
        aria-controls="chat"
        onClick={toggleChat}
      >
        <ChatIcon />
        <span class="name">{texts('session.chat')}</span>
      </button>
      <button id="end-call" class="danger" type="button" onClick={hangUp}>
        <HangUpIcon />
        {texts('session.leave')}
      </button>
    </div>
  );
}
