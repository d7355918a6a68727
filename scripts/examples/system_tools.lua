-- What is this machine, and what runs on it? The tools of the category system.
--
--   llmspell run scripts/examples/system_tools.lua [-- --port 8000]

local environment, process = Tool.get("environment-reader"), Tool.get("process-executor")
local service, monitor = Tool.get("service-checker"), Tool.get("system-monitor")

-- The environment: what is no secret may be read.
local path = environment:execute({ operation = "get", variable_name = "PATH" }).result
local folders = {}
for folder in (path.value or ""):gmatch("[^:]+") do
  folders[#folders + 1] = folder
end
print(("programs are looked for in %d folders, first in %s"):format(#folders, folders[1] or "none"))

local readable = environment:execute({ operation = "list" }).result
print(("%d variables may be read"):format(readable.count))

-- Programs run without a shell: an argument arrives as it is, whatever stands in it.
local echo = process:execute({ executable = "echo", arguments = { "$HOME; rm -rf /" } }).result
io.write("echo says: ", echo.stdout)

local missing = process:execute({ executable = "test", arguments = { "-e", "no such file" } }).result
print(("a program that fails tells by its exit code: %d"):format(missing.exit_code))

-- Services: a name, and a port if one was given.
local name = service:execute({ target = "localhost:80", check_type = "dns" }).result
print("localhost is " .. name.metadata.first_address)

local port = ARGS.port or "9000"
local web = service:execute({ target = "127.0.0.1:" .. port, check_type = "tcp", timeout_seconds = 2 }).result
print(("port %s: %s"):format(port, web.status))

-- The machine itself.
local machine = monitor:execute({ operation = "all" }).result
print(("%d processors, %s of memory, up for %d minutes"):format(
  machine.cpu_count, machine.formatted.total_memory, machine.uptime_seconds // 60))
for mount, disk in pairs(machine.disk_usage) do
  print(("%s: %.0f %% used"):format(mount, disk.usage_percent))
end

-- Names that look like secrets and programs that are not listed are refused; the message says what would allow them.
local refused = {}
local function try(tool, parameters)
  local done, problem = pcall(function() return tool:execute(parameters) end)
  print(done, Tool.last_error().code, problem:match("allow it with (%S+ %S+)"))
  refused[#refused + 1] = not done
end
try(environment, { operation = "get", variable_name = "EXAMPLE_API_TOKEN" })
try(process, { executable = "rm", arguments = { "-rf", "/" } })

return { folders = #folders, readable = readable.count, available = web.available, refused = #refused }
