-- Fifty errors that each leave ten calls, handlers, and at last an error that nobody catches.
local function deep(n)
	if n == 0 then error("bottom") end
	return 1 + deep(n - 1)
end

for _ = 1, 50 do assert(not pcall(deep, 9)) end
print(pcall(deep, 3))
print(xpcall(deep, function(message) return "handled " .. message end, 3))
print(xpcall(function(...) return ... end, print, 1, 2, 3))
print(select("#", pcall(function() return 1, nil, nil end)))
print(pcall(pcall))
print(pcall(xpcall, print))
print(pcall(error, setmetatable({}, { __tostring = function() return "object" end })))
print(#arg, arg[1], ...)
deep(9)
