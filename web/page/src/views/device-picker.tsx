import { useEffect, useState } from 'preact/hooks';
import { type Device, followMicrophones } from '../sound/devices';
import { usePage } from './page';

interface Props {
  label: string;
  current: string | undefined;
  onDevice(device: string): void;
}

/** The microphones that there are, for as long as it is shown. */
export function DevicePicker({ label, current, onDevice }: Props) {
  const { texts } = usePage();
  const [devices, setDevices] = useState<Device[]>([]);
  useEffect(() => followMicrophones(setDevices), []);
  const choose = (select: HTMLSelectElement) => {
    const chosen = select.value;
    // It shows what is used, and the other one not before that is.
    select.value = current ?? '';
    onDevice(chosen);
  };
  return (
    <select
      class="devices"
      aria-label={label}
      title={label}
      value={current}
      onChange={({ currentTarget }) => choose(currentTarget)}
    >
      {!devices.some(({ id }) => id === current) && <option value={current ?? ''}>—</option>}
      {devices.map(({ id, name }, index) => (
        <option key={id} value={id}>
          {name || texts('microphone.unnamed', { number: String(index + 1) })}
        </option>
      ))}
    </select>
  );
}
