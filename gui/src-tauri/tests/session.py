"""A desktop of the test's own: an X server, a window manager, and on the session's bus a tray and a place for notifications.

It runs inside `dbus-run-session`, so that nothing of the user's own desktop is touched.
"""

import contextlib
import os
import pathlib
import subprocess
import threading

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

WATCHER = "org.kde.StatusNotifierWatcher"
NOTIFICATIONS = "org.freedesktop.Notifications"

INTERFACES = """
<node>
  <interface name="org.kde.StatusNotifierWatcher">
    <method name="RegisterStatusNotifierItem"><arg type="s" direction="in"/></method>
    <method name="RegisterStatusNotifierHost"><arg type="s" direction="in"/></method>
    <property name="RegisteredStatusNotifierItems" type="as" access="read"/>
    <property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
    <property name="ProtocolVersion" type="i" access="read"/>
    <signal name="StatusNotifierHostRegistered"/>
  </interface>
  <interface name="org.freedesktop.Notifications">
    <method name="Notify">
      <arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
      <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
      <arg type="a{sv}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/>
    </method>
    <method name="CloseNotification"><arg type="u" direction="in"/></method>
    <method name="GetCapabilities"><arg type="as" direction="out"/></method>
    <method name="GetServerInformation">
      <arg type="s" direction="out"/><arg type="s" direction="out"/><arg type="s" direction="out"/><arg type="s" direction="out"/>
    </method>
  </interface>
</node>
"""


class Desktop:
    """What the programs of this session find, and what they did there."""

    def __init__(self) -> None:
        self.notifications: list[str] = []
        self._items: list[tuple[str, str]] = []
        self._owned = 0
        self._loop = GLib.MainLoop()
        self._bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        interfaces = Gio.DBusNodeInfo.new_for_xml(INTERFACES)
        for interface, path in zip(interfaces.interfaces, ["/StatusNotifierWatcher", "/org/freedesktop/Notifications"]):
            self._bus.register_object(path, interface, self._call, self._get, None)
        Gio.bus_own_name_on_connection(self._bus, NOTIFICATIONS, Gio.BusNameOwnerFlags.NONE, None, None)
        threading.Thread(target=self._loop.run, daemon=True).start()

    def show_tray(self) -> None:
        """From now on there is a tray."""
        self._owned = Gio.bus_own_name_on_connection(self._bus, WATCHER, Gio.BusNameOwnerFlags.NONE, None, None)

    def hide_tray(self) -> None:
        """From now on there is none."""
        Gio.bus_unown_name(self._owned)
        self._items.clear()

    def has_tray(self) -> bool:
        """Whether programs see one."""
        answer = self._bus.call_sync(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
            GLib.Variant("(s)", (WATCHER,)), None, Gio.DBusCallFlags.NONE, 5000, None,
        )
        return answer.unpack()[0]

    def forget_icons(self) -> None:
        """Those of programs that have ended."""
        self._items.clear()

    def menu(self) -> dict[str, int]:
        """The labels of the tray icon's menu, and their numbers; empty without an icon."""
        if not self._items:
            return {}
        with contextlib.suppress(GLib.Error):
            layout = self._menu_call("GetLayout", GLib.Variant("(iias)", (0, -1, [])))
            children = layout.unpack()[1][2]
            return {child[1]["label"]: child[0] for child in children if "label" in child[1]}
        return {}

    def choose(self, label: str) -> None:
        """Chooses an entry of the tray icon's menu."""
        event = GLib.Variant("(isvu)", (self.menu()[label], "clicked", GLib.Variant("i", 0), 0))
        self._menu_call("Event", event)

    def _menu_call(self, method: str, arguments: GLib.Variant) -> GLib.Variant:
        name, path = self._items[-1]
        answer = self._bus.call_sync(
            name, path, "org.freedesktop.DBus.Properties", "Get",
            GLib.Variant("(ss)", ("org.kde.StatusNotifierItem", "Menu")), None, Gio.DBusCallFlags.NONE, 5000, None,
        )
        menu = answer.unpack()[0]
        return self._bus.call_sync(
            name, menu, "com.canonical.dbusmenu", method, arguments, None, Gio.DBusCallFlags.NONE, 5000, None
        )

    def _call(self, _bus, sender, _path, _interface, method, arguments, invocation) -> None:
        values = arguments.unpack()
        answer = None
        if method == "RegisterStatusNotifierItem":
            said = values[0]
            self._items.append((sender, said) if said.startswith("/") else (said, "/StatusNotifierItem"))
        elif method == "Notify":
            self.notifications.append(values[3])
            answer = GLib.Variant("(u)", (len(self.notifications),))
        elif method == "GetCapabilities":
            answer = GLib.Variant("(as)", (["body"],))
        elif method == "GetServerInformation":
            answer = GLib.Variant("(ssss)", ("test", "Polymath", "1", "1.2"))
        invocation.return_value(answer)

    def _get(self, _bus, _sender, _path, _interface, name) -> GLib.Variant:
        return {
            "RegisteredStatusNotifierItems": GLib.Variant("as", [f"{n}{p}" for n, p in self._items]),
            "IsStatusNotifierHostRegistered": GLib.Variant("b", True),
            "ProtocolVersion": GLib.Variant("i", 0),
        }[name]


@contextlib.contextmanager
def screen(folder: pathlib.Path):
    """An X server with a window manager; sets DISPLAY."""
    read, write = os.pipe()
    log = (folder / "screen.log").open("wb")
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x880x24", "-nolisten", "tcp"],
        pass_fds=[write], stdout=log, stderr=log,
    )
    os.close(write)
    with os.fdopen(read) as display:
        number = display.readline().strip()
    if not number:
        raise SystemExit(f"the X server does not start: {(folder / 'screen.log').read_text()}")
    os.environ["DISPLAY"] = f":{number}"
    manager = subprocess.Popen(["openbox"], stdout=log, stderr=log)
    try:
        yield
    finally:
        for process in (manager, server):
            process.terminate()
            process.wait()
