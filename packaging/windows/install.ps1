# Installs the Debian package in WSL 2 and keeps it running. The daemon itself does not build on Windows (it speaks to its commands
# over Unix sockets), so that this is the way. Never run so far: its syntax was checked, on Linux.
#   .\install.ps1 -Package .\polymath_0.1.0-1_amd64.deb
#Requires -Version 5.1
param(
    [Parameter(Mandatory = $true)]
    [string] $Package,
    [string] $Distribution = 'Debian'
)
$ErrorActionPreference = 'Stop'

function Invoke-Linux {
    param([string[]] $Command)
    & wsl.exe --distribution $Distribution --user root --exec $Command
    if ($LASTEXITCODE -ne 0) { throw "in ${Distribution}: $($Command -join ' ') ended with $LASTEXITCODE" }
}

$file = Resolve-Path -LiteralPath $Package
# wsl.exe writes UTF-16, whose zeros are in the way.
$known = (& wsl.exe --list --quiet) -replace "`0", ''
if ($known -notcontains $Distribution) {
    & wsl.exe --install --distribution $Distribution --no-launch
    if ($LASTEXITCODE -ne 0) { throw 'WSL could not be installed; restart Windows if it asks for that, and run this again' }
    throw "$Distribution is installed: open it once to make your user, and run this again"
}

# A service needs systemd, which Windows starts where this file says so.
Invoke-Linux @('sh', '-c', 'grep -qs "^systemd=true" /etc/wsl.conf || printf "[boot]\nsystemd=true\n" >> /etc/wsl.conf')
& wsl.exe --terminate $Distribution

$folder = Split-Path -Parent $file
$name = Split-Path -Leaf $file
$inside = (& wsl.exe --distribution $Distribution --exec wslpath -a $folder).Trim()
Invoke-Linux @('apt-get', 'update', '-qq')
Invoke-Linux @('apt-get', 'install', '--yes', "$inside/$name")

$task = (Get-Content -Raw (Join-Path $PSScriptRoot 'polymath-task.xml')) -replace 'Debian', $Distribution
Register-ScheduledTask -TaskName 'Polymath' -Xml $task -Force | Out-Null
Start-ScheduledTask -TaskName 'Polymath'
Write-Output 'The console is at http://localhost:8080'
