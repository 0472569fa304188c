package containerd

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pull pulls an image as the kubelet does and gives its name by digest (REPOSITORY@DIGEST). An error has the verifier's reason.
func (n *Node) Pull(ctx context.Context, ref string) (string, error) {
	return n.PullAs(ctx, ref, nil)
}

// PullAs is Pull with annotations, of the image that is asked for and of the pod that it is for.
func (n *Node) PullAs(ctx context.Context, ref string, annotations map[string]string) (string, error) {
	_, err := n.Images.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: ref, Annotations: annotations}, SandboxConfig: &cri.PodSandboxConfig{Annotations: annotations}})
	if err != nil {
		return "", err
	}
	return n.Resolve(ctx, ref)
}

// Resolve gives a local image's name by digest (or its id, where it has none), and "" where there is no such image.
func (n *Node) Resolve(ctx context.Context, ref string) (string, error) {
	res, err := n.Images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: ref}})
	if err != nil || res.GetImage() == nil {
		return "", err
	}
	if digests := res.GetImage().GetRepoDigests(); len(digests) > 0 {
		return digests[0], nil
	}
	return res.GetImage().GetId(), nil
}

// Import brings an image to the node by `ctr images import` under a full name, past every registry and verifier, and waits until CRI
// sees it.
func (n *Node) Import(ctx context.Context, i *Image, name string) error {
	if _, err := n.ctr(ctx, i.Archive(name), "images", "import", "--local=false", "-"); err != nil {
		return err
	}
	for {
		if found, err := n.Resolve(ctx, name); err != nil || found != "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("CRI does not see %s: %w", name, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (n *Node) ctr(ctx context.Context, stdin []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(n.bin, "ctr"), append([]string{"-a", n.Socket, "-n", "k8s.io"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("ctr %s: %w: %s", args[0], err, out)
	}
	return string(out), err
}

// RunPastCRI starts a container by containerd's own client, as somebody with root on the node could: no kubelet knows it.
func (n *Node) RunPastCRI(ctx context.Context, image, id string) error {
	_, err := n.Ctr(ctx, "run", "--detach", "--runc-root", filepath.Join(n.Dir, "runc"), "--fifo-dir", filepath.Join(n.Dir, "fifo"), "--cgroup", n.cgroup()+"/"+id, image, id)
	return err
}

// Pod is a pod's sandbox.
type Pod struct {
	ID   string
	node *Node
	// Config is what the sandbox was made of.
	Config *cri.PodSandboxConfig
}

// Container is one to be made in a pod.
type Container struct {
	Name, Image string
	Annotations map[string]string
	// Command and Args replace the image's entrypoint and arguments; nil leaves them.
	Command, Args []string
	// ImageVolumes mounts images (values) at paths (keys).
	ImageVolumes map[string]string
}

// RunPod makes a pod with the host's network in the namespace "default".
func (n *Node) RunPod(ctx context.Context, name string, annotations map[string]string) (*Pod, error) {
	config := &cri.PodSandboxConfig{
		Metadata:    &cri.PodSandboxMetadata{Name: name, Uid: rand.Text(), Namespace: "default"},
		Annotations: annotations, LogDirectory: filepath.Join(n.Dir, "logs", name),
		Linux: &cri.LinuxPodSandboxConfig{CgroupParent: n.cgroup(),
			SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_NODE}}},
	}
	res, err := n.Runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config})
	if err != nil {
		return nil, err
	}
	return &Pod{ID: res.GetPodSandboxId(), node: n, Config: config}, nil
}

// userSpecified is the name that the kubelet hands on as the pod's author wrote it. Without it containerd tells plugins any name that the
// image has on the node.
func userSpecified(image string) string {
	if strings.HasPrefix(image, "sha256:") {
		return "" // an image's id, as the kubelet has it from the pull
	}
	return image
}

// Create makes a container and gives its id.
func (p *Pod) Create(ctx context.Context, c Container) (string, error) {
	config := &cri.ContainerConfig{Metadata: &cri.ContainerMetadata{Name: c.Name}, Image: &cri.ImageSpec{Image: c.Image, UserSpecifiedImage: userSpecified(c.Image)}, Annotations: c.Annotations,
		Command: c.Command, Args: c.Args, LogPath: c.Name + ".log", Linux: &cri.LinuxContainerConfig{}}
	for path, image := range c.ImageVolumes {
		config.Mounts = append(config.Mounts, &cri.Mount{ContainerPath: path, Image: &cri.ImageSpec{Image: image}, Readonly: true})
	}
	res, err := p.node.Runtime.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: p.ID, Config: config, SandboxConfig: p.Config})
	return res.GetContainerId(), err
}

// Run makes a container and starts it.
func (p *Pod) Run(ctx context.Context, c Container) (string, error) {
	id, err := p.Create(ctx, c)
	if err != nil {
		return "", err
	}
	_, err = p.node.Runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: id})
	return id, err
}

// Remove stops and removes the pod with its containers. Whatever is left at the test's end is removed then.
func (p *Pod) Remove(ctx context.Context) error {
	if _, err := p.node.Runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: p.ID}); err != nil {
		return err
	}
	_, err := p.node.Runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: p.ID})
	return err
}

// Running says whether a container runs.
func (n *Node) Running(ctx context.Context, id string) (bool, error) {
	res, err := n.Runtime.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: id})
	return res.GetStatus().GetState() == cri.ContainerState_CONTAINER_RUNNING, err
}
